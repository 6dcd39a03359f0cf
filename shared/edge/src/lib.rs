//! Inbound: HTTP and event bodies into domain values, and answers back.
