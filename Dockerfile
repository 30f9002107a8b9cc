# The service alone: Python, the packages it needs, the libraries they load, and nothing else: no
# shell, no package manager, no build tools, no tests, no demo. Read-only root, no user of its own rights.

# Each build takes what was mended in it since. Where builds are to repeat, by digest:
# docker build --build-arg PYTHON="$(cat deploy/image/base)" .
ARG PYTHON=python:3.13-slim

FROM ${PYTHON} AS build
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends binutils >/dev/null
COPY requirements/production.txt requirements/tracing.txt requirements/build.txt /build/
# Set to anything, for traces: `docker build --build-arg TRACING=1 .`
ARG TRACING=
RUN python -m venv --without-pip /venv \
 && python -m pip --python /venv/bin/python install --no-cache-dir --no-compile --require-hashes \
      --requirement /build/production.txt ${TRACING:+--requirement /build/tracing.txt} \
 && python -m pip install --no-cache-dir --require-hashes --requirement /build/build.txt --target /build/tools
COPY pyproject.toml README.md LICENSE /source/
# The page's client: a link in the page's files leads there.
COPY clients/js/ /source/clients/js/
COPY handler/ /source/handler/
COPY broker/ /source/broker/
COPY clients/python/partyline_client/ /source/clients/python/partyline_client/
RUN PYTHONPATH=/build/tools SOURCE_DATE_EPOCH=1767225600 python -m pip wheel --no-cache-dir --no-deps \
      --no-build-isolation --wheel-dir /build /source \
 && python -m pip --python /venv/bin/python install --no-cache-dir --no-deps --no-compile /build/*.whl
COPY deploy/image/collect.py /build/
# Compiled now, because the root is read-only when it runs. What was compiled names the content of
# its source, not the time: the same files make the same image.
RUN python /build/collect.py /collected /usr/local/bin /usr/local/lib /venv \
 && python -m compileall -q -j 0 --invalidation-mode unchecked-hash -s /collected \
      /collected/usr/local/lib /collected/venv/lib

FROM scratch
COPY --from=build /collected/ /
ENV PATH=/venv/bin:/usr/local/bin \
    LANG=C.UTF-8 \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER 10001
# It listens on all addresses, so it needs PUBLIC_URL: what the <Stream url> begins with.
EXPOSE 8080
# The platform's SIGTERM goes to process 1, which is Python itself: it drains and exits 0.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=2s --start-period=5s CMD ["/venv/bin/python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ.get(\"PORT\", 8080)}/healthz', timeout=2)"]
ENTRYPOINT ["/venv/bin/partyline"]
CMD ["serve"]
# Last, as they are another build's each time.
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="partyline" \
      org.opencontainers.image.description="Live transcripts of Twilio phone calls, for everyone who may read along" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
