//! Makes the images of a job.

fn main() {}
