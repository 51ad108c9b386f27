# One image with all executables. A service is chosen by the command: gnomon-frontend, gnomon-history,
# gnomon-matching, gnomon-timers, or gnomon-run for all four.
FROM debian:bookworm-slim AS build
WORKDIR /src
COPY scripts scripts
RUN apt-get -q update && sed -n 's/^build //p' scripts/packages.txt | \
    DEBIAN_FRONTEND=noninteractive xargs apt-get -q install -y --no-install-recommends
COPY deploy/ca /usr/local/share/ca-certificates/
RUN update-ca-certificates
COPY . .
RUN scripts/fetch_ui.py /out/share/gnomon/ui.pack || echo "the image has no Web UI files"
RUN make -j"$(nproc)" all && mkdir -p /out/share/gnomon /out/bin && cp build/release/gnomon-* /out/bin/ && strip --strip-debug /out/bin/*

FROM debian:bookworm-slim
COPY scripts/packages.txt /tmp/
RUN apt-get -q update && sed -n 's/^runtime //p' /tmp/packages.txt | \
    DEBIAN_FRONTEND=noninteractive xargs apt-get -q install -y --no-install-recommends && \
    rm -rf /var/lib/apt/lists/* /tmp/packages.txt && \
    useradd --system --uid 7233 --home-dir /data --shell /usr/sbin/nologin gnomon && \
    install -d -o gnomon -g gnomon -m 0700 /data
COPY --from=build /out/ /usr/local/
USER gnomon
VOLUME /data
ENV GNOMON_DATA_DIR=/data GNOMON_BIND_IP=0.0.0.0
EXPOSE 7233 7243 8233 9090 9091 9092 9093
CMD ["gnomon-run"]
