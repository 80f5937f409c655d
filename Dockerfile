# One image for every role: `run` serves (the default), `db upgrade` migrates.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS builder

WORKDIR /service
COPY requirements.txt .
# Wheels only: an image that must compile something fails here and not in production.
RUN python -m venv --without-pip /venv \
    && pip --python /venv/bin/python install --no-cache-dir --require-hashes --only-binary :all: \
        --requirement requirements.txt

COPY alembic.ini .
COPY alembic alembic
COPY app app
# Bytecode is written now because the file system is read-only later; its validity hangs on the
# content, since copying between layers may change the times of files.
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash app alembic


FROM ${BASE}

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Reference API" \
    org.opencontainers.image.description="A production REST API service" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"

ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ENVIRONMENT=production \
    HOST=0.0.0.0 \
    PORT=8000

COPY --from=builder /venv /venv
COPY --from=builder /service /service
WORKDIR /service

# The one place that the service writes to: a new volume takes over this folder's owner.
RUN install -d -o 10001 -g 10001 /data
# feature: files
ENV STORAGE_URL=/data/files
# end feature: files
ENV MAIL_FOLDER=/data/mails
VOLUME /data

# A number, so that Kubernetes can see that it is not root; it owns no file of the service and so can change none.
USER 10001:10001

EXPOSE 8000

# http.client, because urllib would send this through a proxy when HTTP_PROXY is set.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=2); c.request('GET', '/liveness'); sys.exit(c.getresponse().status != 200)"]

# No shell in between: SIGTERM reaches the server, which finishes its requests and exits.
ENTRYPOINT ["python", "-m", "app.commands.cli"]
CMD ["run"]
