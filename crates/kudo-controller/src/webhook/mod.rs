//! The admission webhook: the rules of spec §9, asked by the API server before a change is stored.
//!
//! Without it the controller applies the same rules to what is stored, and tells of a refusal in a
//! condition; with it a change that the rules refuse is never stored, and whoever made it is told at once.
//!
//! [`review`] is the envelope, [`judgement`] what is said (both pure), [`desk`] takes a question, [`lookup`] finds
//! the operator versions that it is about, [`server`] speaks TLS. [`certificate`] makes, keeps and renews the
//! server's certificate, and lets the API server trust it.

pub mod certificate;
pub mod desk;
pub mod judgement;
pub mod lookup;
pub mod review;
pub mod server;

/// Path at which upstream's webhook answers, and this one.
pub const PATH: &str = "/admit-kudo-dev-v1beta1-instance";
