"""The scripts of the guide need libraries that the quick tests do not have; tests of their own run them."""

collect_ignore_glob = ["guide/*.py"]
