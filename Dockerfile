# One image for all roles: `carrier api`, `carrier flusher`, `carrier migrate up`, `carrier doctor`.
FROM node:24-bookworm-slim AS page
WORKDIR /src
COPY clients/typescript/src clients/typescript/src
COPY web web
RUN npm --prefix web ci --no-audit --no-fund && npm --prefix web run build

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
COPY --from=page /src/web/dist web/dist
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked --workspace --bins && cp target/release/carrier /carrier

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 carrier && install -d -o carrier /var/lib/carrier
COPY --from=build /carrier /usr/local/bin/carrier
USER carrier
EXPOSE 8080
ENTRYPOINT ["carrier"]
CMD ["api"]
