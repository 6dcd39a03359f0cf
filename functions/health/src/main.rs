//! GET /health: whether the API answers.

fn main() {}
