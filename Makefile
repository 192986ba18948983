.PHONY: help run page quick check test lints servers openapi fuzz model guards drill cluster bench \
	bench-quick

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /	/' | expand -t 12

run: page ## everything on this machine: Redis, SQLite, API, flusher and the page
	@cargo build --profile local -p carrier
	@exec target/local/carrier

page: ## build the page that people chat on, which the API serves
	@scripts/setup
	@npm --prefix web run --silent build

quick: ## of `check`, what the changes since main ask for
	@scripts/setup
	@scripts/quick

check: ## format, lints, unit tests and whether the guards are in place; no servers
	@scripts/setup
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo test --workspace --lib --bins --quiet
	scripts/guards --check
	npm --prefix web run --silent lint
	npm --prefix web run --silent check
	npm --prefix web run --silent unit

# Debian and Fedora keep mariadbd where only root looks.
test: export PATH := $(PATH):/usr/sbin:/usr/libexec
# Most tests wait for servers rather than for a processor; those in a browser need both of them.
test: export RUST_TEST_THREADS := 6
test: ## format, lints and every test, on real servers
	@scripts/setup --tests
	npm --prefix web run --silent build
	cargo fmt --all --check
	scripts/guards --check
	npm --prefix web run --silent lint
	npm --prefix web run --silent unit
	cargo build --workspace --all-targets
	@$(MAKE) --no-print-directory --jobs 2 lints servers
	cargo test --workspace --test it -- browser:: --test-threads 1

# Beside the tests, on what they leave of the processors; in a folder of its own, since two cargos
# wait for each other in one.
lints:
	nice -n 19 cargo clippy --workspace --all-targets --target-dir target/lints -- -D warnings

servers:
	cargo test --workspace --all-targets --no-fail-fast -- --skip browser::

openapi: ## write api/openapi.json and the TypeScript client's types anew
	cargo run -q --bin carrier -- openapi > api/openapi.json.new
	mv api/openapi.json.new api/openapi.json
	@[ ! -d clients/typescript/node_modules ] || npm --prefix clients/typescript run --silent generate

fuzz: export PATH := $(PATH):/usr/sbin:/usr/libexec
fuzz: ## some minutes of made-up requests against the API
	@scripts/setup --tests
	cargo build --workspace --bins
	CARRIER_FUZZ_EXAMPLES=200 cargo test --workspace --test it -- fuzz:: --nocapture

model: ## visit every interleaving of the protocol's larger models
	@cargo run --release -q -p protocol

guards: export PATH := $(PATH):/usr/sbin:/usr/libexec
guards: ## take each guard of the protocol out of the code, and see a test fail; an hour or two
	@scripts/setup --tests
	@scripts/guards

drill: export PATH := $(PATH):/usr/sbin:/usr/libexec
drill: ## break a system of its own 104 times on each SQL, and look for what was acknowledged
	@scripts/setup --tests
	@cargo build --release --workspace --bins
	@target/release/carrier drill --rounds 104 --sql sqlite
	@target/release/carrier drill --rounds 104 --sql mariadb

cluster: export PATH := $(PATH):/usr/sbin:/usr/libexec
cluster: ## the end-to-end tests on a Redis Cluster of three primaries and three replicas
	@scripts/setup --tests
	cargo build --workspace --bins
	CARRIER_E2E_CLUSTER=3 cargo test --workspace --test it

bench: ## the cost of each request, against an empty handler, and of listening; the page's frames
	@scripts/setup --tests
	@npm --prefix web run --silent build
	@cargo build --release --workspace --bins
	@target/release/bench
	@target/release/bench live
	@target/release/bench cluster
	@target/release/bench page

bench-quick: ## the cost of each request, against an empty handler: a look, in two minutes
	@cargo build --release --workspace --bins
	@target/release/bench --quick
