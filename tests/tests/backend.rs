//! The suite, on every backend that the package was compiled with.

#[path = "backend/mod.rs"]
mod backend_tests;
