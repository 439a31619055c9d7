# One image for every service of docker-compose.yml, and one with the CUDA libraries for the GPU worker:
#   docker build --target runtime --tag revealed .        docker build --target gpu --tag revealed-gpu .
# The base is pinned by tag; whoever can reach a registry should pin its digest too (docs/deployment.md).
FROM python:3.11-slim-bookworm AS base
# libgomp: implicit's compiled sweeps need OpenMP.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 50000 revealed \
    && useradd --uid 50000 --gid 50000 --no-create-home --home-dir /run/airflow --shell /usr/sbin/nologin revealed \
    && install --directory --owner=revealed --group=revealed --mode=0750 /var/lib/revealed /run/airflow
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    REVEALED_HOME=/var/lib/revealed \
    REVEALED_PROJECT=/opt/revealed \
    AIRFLOW_HOME=/run/airflow

# ---- the environment, from hashed locks; what installs it stays behind in these stages

FROM base AS installer
WORKDIR /build
COPY requirements-bootstrap.lock ./
RUN python -m venv /opt/uv \
    && /opt/uv/bin/pip install --no-cache-dir --require-hashes --requirement requirements-bootstrap.lock \
    && python -m venv --without-pip /opt/venv

FROM installer AS build
COPY requirements-deploy.lock ./
RUN /opt/uv/bin/uv pip install --no-cache --compile-bytecode --python /opt/venv/bin/python \
        --require-hashes --requirement requirements-deploy.lock
COPY pyproject.toml README.md LICENSE ./
COPY include include
RUN /opt/uv/bin/uv pip install --no-cache --compile-bytecode --python /opt/venv/bin/python \
        --no-deps --no-build-isolation .

FROM build AS build-gpu
COPY requirements-gpu.lock ./
RUN /opt/uv/bin/uv pip install --no-cache --python /opt/venv/bin/python \
        --require-hashes --requirement requirements-gpu.lock

# ---- what runs: no compiler, no installer, not root

FROM base AS project
WORKDIR /opt/revealed
COPY dags dags
COPY dbt_project dbt_project
COPY deploy deploy

FROM project AS gpu
COPY --from=build-gpu /opt/venv /opt/venv
USER 50000:50000

FROM project AS runtime
COPY --from=build /opt/venv /opt/venv
USER 50000:50000
