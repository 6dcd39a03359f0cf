//! End-to-end tests on one shared local cloud.
