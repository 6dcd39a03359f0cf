//! Whatever no other function answers: 404 in the shape of every error.
