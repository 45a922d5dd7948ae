"""Anthropic's own client (npm) against the gateway, whose upstreams speak other dialects."""

import sys

import npm_support

if __name__ == "__main__":
    sys.exit(npm_support.run_behind_gateway(sys.argv[1], "anthropic_client_test.mjs"))
