"""What the library costs, one question a script:
`python -m benchmarks.NAME --out=FILE.json [--tiny]`.
"""
