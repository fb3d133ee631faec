# The image of the manager: docker build -t kudo-manager:v0.1.0 .
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --package kudo --bin kudo-manager

FROM debian:bookworm-slim
COPY --from=build /src/target/release/kudo-manager /usr/local/bin/kudo-manager
USER 65532
ENTRYPOINT ["/usr/local/bin/kudo-manager"]
