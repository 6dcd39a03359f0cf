//! The rules of addons, without input or output: on which pages an addon runs ([`pattern`]), which versions a
//! range means ([`range`]), which version of each addon a page gets ([`resolve`](mod@resolve)), in which order
//! they load ([`order`](mod@order)), how Chromium is told ([`injection`]), how they become one file ([`bundle`]),
//! how they are signed ([`signature`]) and with which keys ([`key_set`]).

pub mod area;
pub mod bundle;
pub mod injection;
pub mod key_set;
pub mod order;
pub mod pattern;
pub mod range;
pub mod resolve;
pub mod signature;
