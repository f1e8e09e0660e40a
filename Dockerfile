# syntax=docker/dockerfile:1
# UniRoute as an image: built from the lockfile alone, run as a user without rights on the Node of its base.
# docker build -t uniroute . && docker run -p 8084:8084 -v uniroute-data:/data --env-file secrets.env uniroute
FROM node:26.10-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-audit
COPY . .
RUN npm run build:package

FROM node:26.10-bookworm-slim
LABEL org.opencontainers.image.title="UniRoute" org.opencontainers.image.licenses="MIT"
# /data holds the embedded database and the usage journal: give it a volume, with PostgreSQL too.
RUN install -d -o node -g node -m 700 /data
COPY --from=build /build/dist/package /opt/uniroute
ENV NODE_ENV=production HOST=0.0.0.0 DATA_DIR=/data
# What is freed goes back to the system: without these the memory of password hashes stays, up to 150 MB.
ENV MALLOC_MMAP_THRESHOLD_=4194304 MALLOC_TRIM_THRESHOLD_=8388608
WORKDIR /data
USER node
EXPOSE 8084
VOLUME /data
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.PORT || 8084) + '/health').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# No launcher: the process is told to stop by its own signal, and its memory is in no report.
ENTRYPOINT ["node", "--report-exclude-env", "--disable-sigusr1", "/opt/uniroute/server/cli.js"]
CMD ["serve"]
