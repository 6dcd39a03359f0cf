# What people type, for https://just.systems. Every recipe only calls cargo; CONTRIBUTING.md explains them.

# Lists the recipes.
default:
    @just --list

# Everything: unit tests, sample events, and end to end on a local cloud.
test:
    cargo test --workspace

# Unit tests, sample events and the tests of the layout, without a cloud; FILTER is a part of their names.
unit FILTER="":
    cargo test --workspace --exclude semantest-tests -- {{FILTER}}
    cargo test -p semantest-tests --test architecture --test template --test conventions -- {{FILTER}}

# The end-to-end tests whose names contain NAME, on a local cloud of their own.
e2e NAME="":
    cargo test --workspace --test e2e -- {{NAME}}

# Format, lints and the links of the code's documentation.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    cargo doc --workspace --no-deps

# Writes docs/openapi.json again. Look at the difference before you commit it.
openapi $UPDATE_OPENAPI="1":
    cargo test --workspace --lib openapi

# Starts a local cloud and keeps it until it is interrupted.
up *ARGS:
    cargo run -- up {{ARGS}}

# Stops the local cloud; its state is kept in .semantest/.
down:
    cargo run -- down

# What decoding, thumbnails and resampling cost, in time and memory; and what serving and publishing addons costs.
bench:
    cargo test --release --workspace --test cost -- --ignored --nocapture bench
    cargo test --release --package addons-get --package admin-addons -- --ignored --nocapture bench
    .ci/sizes
