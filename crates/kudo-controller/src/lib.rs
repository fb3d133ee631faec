//! The KUDO controller: triggers and admission rules, the reconciler and the manager runtime.
