"""`python -m pipeline` is `age-pipeline`."""

from pipeline.cli import main

if __name__ == "__main__":
    main()
