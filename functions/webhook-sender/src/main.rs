//! Delivers webhooks: from the stream to the queue, from the queue to the receiver.

fn main() {}
