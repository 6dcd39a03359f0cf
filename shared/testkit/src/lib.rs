//! Fakes of every port, event builders and a clock that stands still, for tests.
