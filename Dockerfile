# An image for all nodes of a Ray cluster:
#
#     docker build -t registry.example.com/tabvae-ray:0.1.0 .
#     docker build -t registry.example.com/tabvae-ray:0.1.0-gpu --build-arg DEVICE=gpu .
#
# Ray's image has Python and Ray. constraints.txt pins everything else to the versions that CI tests,
# so that images built on different days are the same.
ARG DEVICE=cpu

FROM rayproject/ray:2.60.0-py311 AS cpu
# PyPI's torch brings 3 GB of CUDA; of this index, pip prefers the build without.
ENV PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu

FROM rayproject/ray:2.60.0-py311-gpu AS gpu

FROM ${DEVICE}
# By the user ray, because the build of the package writes beside its source.
RUN mkdir -p /home/ray/tabvae
WORKDIR /home/ray/tabvae
# What changes seldom comes first: this layer is built again only for other versions.
COPY --chown=ray constraints.txt .
RUN pip install --no-cache-dir -c constraints.txt torch "ray[default]"
COPY --chown=ray . .
RUN pip install --no-cache-dir -c constraints.txt ".[cluster,mlflow]" && tabvae --version
