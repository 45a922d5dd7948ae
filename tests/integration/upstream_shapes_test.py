"""Google's and Ollama's own clients (npm): what the gateway sends to their services is compared
with what they send, and llm-mock's replies in their dialects are read by them."""

import sys

import npm_support

if __name__ == "__main__":
    sys.exit(npm_support.run_behind_gateway(sys.argv[1], "upstream_shapes_test.mjs"))
