"""What the library costs, one question per script:
`python -m benchmarks.NAME --out=FILE.json [--tiny]`.
"""
