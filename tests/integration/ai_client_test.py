"""Vercel's `ai` (npm) with the providers of OpenAI and Anthropic, against the gateway."""

import sys

import npm_support

if __name__ == "__main__":
    sys.exit(npm_support.run_behind_gateway(sys.argv[1], "ai_client_test.mjs"))
