//! The KUDO plan engine: plans as graphs, a state machine over recorded status, and an executor over ports.
