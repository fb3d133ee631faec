//! Tables on what of the runner is pure, and suites that are well and badly written.

#![cfg(test)]

mod expansion;
mod matching;
mod naming;
mod reports;
mod suites;
