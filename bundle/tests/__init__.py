"""The slow tests of built bundles: `make test-bundle`, as root on Debian."""
