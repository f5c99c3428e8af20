# The image of a worker, of the command line and of the page: CPU only, LiteRT, both second readers
# (Tesseract, PP-OCR in ONNX Runtime), no TensorFlow.
# It uses no syntax beyond plain Dockerfile, so that any builder makes it.
FROM python:3.13.16-slim-bookworm AS build
WORKDIR /src
COPY constraints.txt pyproject.toml README.md ./
COPY hkplates hkplates
COPY cli cli
COPY producer producer
COPY workers workers
COPY web web
COPY migrations migrations
COPY models/detector/bundle models/detector/bundle
COPY models/reader/bundle models/reader/bundle
COPY models/ppocr/bundle models/ppocr/bundle
COPY models/tesseract/bundle models/tesseract/bundle
RUN python -m venv /opt/hkplates \
 && /opt/hkplates/bin/pip install --no-cache-dir --no-compile -c constraints.txt '.[ppocr,web]' \
 # The SavedModel is for HKPLATES_RUNTIME=tensorflow, which this image does not carry.
 && rm -rf /opt/hkplates/lib/python*/site-packages/models/detector/bundle/saved_model \
           /opt/hkplates/lib/python*/site-packages/pip*

FROM python:3.13.16-slim-bookworm
RUN apt-get update \
 && apt-get install -y --no-install-recommends tesseract-ocr \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin hkplates \
 && install --directory --owner=hkplates --mode=0700 /var/lib/hkplates
COPY --from=build /opt/hkplates /opt/hkplates
# One thread for each Tesseract: its own threads cost more than they bring on plates.
ENV PATH=/opt/hkplates/bin:$PATH PYTHONUNBUFFERED=1 OMP_THREAD_LIMIT=1
USER hkplates
WORKDIR /tmp
CMD ["celery", "-A", "workers.app", "worker"]
