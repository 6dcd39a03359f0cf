//! GET /health: whether the API answers.
