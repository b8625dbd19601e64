# The gateway as an image: locked packages in a virtual environment, and nothing that could build another.
#
#   docker build -t klantbeeld .
#   docker run --read-only --tmpfs /tmp -p 8000:8000 -v klantbeeld:/var/lib/klantbeeld \
#       -v ./klantbeeld.toml:/etc/klantbeeld/klantbeeld.toml:ro --env-file secrets.env klantbeeld
#
# scripts/verify_dockerfile.py runs these same steps where there is no container engine.

FROM python:3.11-slim-bookworm AS build
WORKDIR /build
COPY deploy/requirements.lock deploy/requirements-build.lock deploy/
RUN python -m venv /opt/klantbeeld \
    && /opt/klantbeeld/bin/python -m pip install --no-cache-dir --require-hashes --only-binary :all: -r deploy/requirements.lock
RUN python -m venv /opt/build \
    && /opt/build/bin/python -m pip install --no-cache-dir --require-hashes --only-binary :all: -r deploy/requirements-build.lock
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY src src
COPY connectors connectors
RUN /opt/build/bin/python -m pip wheel --no-cache-dir --no-deps --no-index --no-build-isolation --wheel-dir dist . \
    && /opt/klantbeeld/bin/python -m pip install --no-cache-dir --no-deps --no-index dist/*.whl \
    && /opt/klantbeeld/bin/python -m pip uninstall --quiet --yes setuptools pip

FROM python:3.11-slim-bookworm
COPY --from=build /opt/klantbeeld /opt/klantbeeld
# Any user id may run it and write to this folder only, so it is open to all, and each keeps its own files.
RUN mkdir -p /etc/klantbeeld /var/lib/klantbeeld && chmod 1777 /var/lib/klantbeeld
ENV PATH=/opt/klantbeeld/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    KLANTBEELD__GATEWAY__HOST=0.0.0.0 \
    KLANTBEELD__STORE__URL=sqlite:////var/lib/klantbeeld/klantbeeld.sqlite
WORKDIR /var/lib/klantbeeld
VOLUME /var/lib/klantbeeld
EXPOSE 8000
USER 10001:10001
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ.get('KLANTBEELD__GATEWAY__PORT', '8000')}/live\", timeout=2)"]
ENTRYPOINT ["klantbeeld"]
CMD ["serve", "--config", "/etc/klantbeeld/klantbeeld.toml"]
