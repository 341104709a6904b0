# SPDX-License-Identifier: MIT
"""How tests run the clients and the provider that nobody here wrote: tests/provider, by node."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

from token_shapes import SECONDS

ROOT = pathlib.Path(os.environ.get("ASSAY_TEST_ROOT") or pathlib.Path(__file__).resolve().parents[2])
PROVIDER = ROOT / "tests/provider"
NODE = os.environ.get("ASSAY_TEST_NODE") or "node"
PACKAGES = ("@azure/identity", "@azure/msal-node", "oidc-provider")
# What these clients look at, or what would lead them elsewhere.
FOREIGN = ("AZURE_", "IDENTITY_", "IMDS_", "MSI_", "NODE_", "SYSTEM_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def skip_without_peers():
    """Ends the program with 77, and says what is missing."""
    missing = [name for name in PACKAGES if not (PROVIDER / "node_modules" / name).is_dir()]
    if missing:
        print(f"skipped: {', '.join(missing)} is not installed in tests/provider; tests/run.sh installs it")
        sys.exit(77)
    if shutil.which(NODE) is None or ("ASSAY_TEST_COMMAND" in os.environ and "ASSAY_TEST_NODE" not in os.environ):
        print("skipped: no node to run tests/provider with")
        sys.exit(77)


def ask_peer(scenario, arguments, ca_file, environment):
    """What a scenario of peers.mjs says, in an environment that has nothing of this machine's own."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(FOREIGN)}
    done = subprocess.run([NODE, str(PROVIDER / "peers.mjs"), scenario, json.dumps(arguments)], capture_output=True, timeout=SECONDS,
                          env={**kept, "NODE_EXTRA_CA_CERTS": ca_file, "NO_PROXY": "*", **environment})
    if done.returncode != 0:
        raise RuntimeError(done.stderr.decode())
    return json.loads(done.stdout)
