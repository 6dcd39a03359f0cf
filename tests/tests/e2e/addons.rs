//! Addons: published through the API, served to everybody.

mod order;
mod pages;
mod publishing;
mod readers;
mod rules;
mod serving;
mod support;
mod tool;

use crate::Round;

pub(crate) fn tests(round: &mut Round<'_>) {
    publishing::tests(round);
    serving::tests(round);
    pages::tests(round);
    order::tests(round);
    readers::tests(round);
    rules::tests(round);
    tool::tests(round);
}

pub(crate) fn alone(round: &mut Round<'_>) {
    publishing::alone(round);
    serving::alone(round);
    pages::alone(round);
    tool::alone(round);
}
