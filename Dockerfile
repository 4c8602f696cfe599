# The wheel is built in one stage and installed in the other: no source, no build tools in what runs.
FROM python:3.13-slim AS build
WORKDIR /src
COPY . .
RUN pip wheel --no-cache-dir --wheel-dir /wheels .

FROM python:3.13-slim
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links=/wheels newsfold \
    && useradd --uid 1000 --no-create-home --shell /usr/sbin/nologin newsfold

# Numba compiles here, once, and not at every start. The cache is open to any user: docker-compose.yml lets the user id
# be chosen, and another processor than the building one's is compiled for anew.
ENV NUMBA_CACHE_DIR=/var/cache/newsfold
WORKDIR /tmp/first
RUN printf 'First light\n\nThe harbour lamp at Ansel was lit at dawn, and two boats came in.\n' > one.txt \
    && sed 's/two boats/three boats/' one.txt > two.txt \
    && newsfold ingest one.txt two.txt \
    && chmod -R a+rwX "$NUMBA_CACHE_DIR" && rm -r /tmp/first

USER newsfold
WORKDIR /tmp
ENTRYPOINT []
CMD ["newsfold", "--help"]
