//! Outbound: image providers, and the choice between them.
