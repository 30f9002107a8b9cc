# The service alone: no build tools, no tests, no demo. Read-only root, no user of its own rights.

# Each build takes what was mended in it since. Where builds are to repeat, by digest:
# docker build --build-arg PYTHON=python:3.13-slim@sha256:… (docker buildx imagetools inspect says which)
ARG PYTHON=python:3.13-slim

FROM ${PYTHON} AS build
RUN python -m venv --without-pip /venv
COPY requirements/production.txt /build/
RUN python -m pip --python /venv/bin/python install --no-cache-dir --no-compile --require-hashes \
      --requirement /build/production.txt
COPY handler/ /app/handler/
COPY broker/ /app/broker/
# Now, because the root is read-only when it runs.
RUN python -m compileall -q -j 0 /venv/lib /app

FROM ${PYTHON}
# Nothing is installed in a running container.
RUN python -m pip uninstall --yes --quiet pip \
 && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin partyline
COPY --from=build /venv/ /venv/
COPY --from=build /app/ /app/
ENV PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
USER 10001
# It listens on all addresses, so it needs PUBLIC_URL: what the <Stream url> begins with.
EXPOSE 8080
# The platform's SIGTERM goes to process 1, which is Python itself: it drains and exits 0.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=2s --start-period=5s CMD ["/venv/bin/python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ.get(\"PORT\", 8080)}/healthz', timeout=2)"]
ENTRYPOINT ["/venv/bin/python", "-m", "handler.cli"]
CMD ["serve"]
