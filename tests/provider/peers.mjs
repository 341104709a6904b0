// SPDX-License-Identifier: MIT
//
// Clients of Entra that the project did not write (@azure/identity, @azure/msal-node), asking a development issuer for tokens.
//
//   node peers.mjs SCENARIO '{"authority":URL,"tenant":GUID,…}'
//
// Prints one line of JSON: {"token":…,"expires":milliseconds} or {"error":message}. The environment is the scenario's too, as it
// would be a pod's or a virtual machine's.

import { readFileSync } from 'node:fs';

const [scenario, text] = process.argv.slice(2);
const given = JSON.parse(text);
// Only what the scenario needs: the libraries are most of the time that it takes.
const azure = await import(scenario.startsWith('msal-') ? '@azure/msal-node' : '@azure/identity');
const { authority, tenant, clientId, scope } = given;
const common = { authorityHost: authority, disableInstanceDiscovery: true };

function application(auth) {
  return new azure.ConfidentialClientApplication({
    auth: { clientId, authority: `${authority}/${tenant}`, knownAuthorities: [new URL(authority).host], ...auth },
  });
}

const certificate = () => ({
  thumbprintSha256: given.thumbprint,
  privateKey: readFileSync(given.keyFile, 'utf8'),
  ...(given.x5c && { x5c: readFileSync(given.certificateFile, 'utf8') }),
});

// What of either library's answers is looked at.
const ofIdentity = async (credential) => {
  const { token, expiresOnTimestamp } = await credential.getToken(scope);
  return { token, expires: expiresOnTimestamp };
};
const ofMsal = ({ accessToken, expiresOn }) => ({ token: accessToken, expires: expiresOn.getTime() });
const byClient = async (auth) => ofMsal(await application(auth).acquireTokenByClientCredential({ scopes: [scope] }));
const onBehalf = async (auth) => ofMsal(await application(auth).acquireTokenOnBehalfOf({ scopes: [scope], oboAssertion: given.userToken }));

// A managed identity's token as the assertion of an application (Microsoft, "Configure an application to trust a managed identity").
async function managedToken() {
  const { token } = await new azure.ManagedIdentityCredential(given.selector ?? {}).getToken('api://AzureADTokenExchange/.default');
  return token;
}

const scenarios = {
  'identity-workload': () => ofIdentity(new azure.WorkloadIdentityCredential({ ...common, tenantId: tenant, clientId, tokenFilePath: given.tokenFile })),
  'identity-workload-environment': () => ofIdentity(new azure.WorkloadIdentityCredential({ disableInstanceDiscovery: true })),
  'identity-default': () => ofIdentity(new azure.DefaultAzureCredential({ disableInstanceDiscovery: true })),
  'identity-environment': () => ofIdentity(new azure.EnvironmentCredential({ disableInstanceDiscovery: true })),
  'identity-managed': () => ofIdentity(new azure.ManagedIdentityCredential(given.selector ?? {})),
  'identity-secret': () => ofIdentity(new azure.ClientSecretCredential(tenant, clientId, given.secret, common)),
  'identity-certificate': () =>
    ofIdentity(new azure.ClientCertificateCredential(tenant, clientId, { certificatePath: given.certificatePath }, {
      ...common,
      sendCertificateChain: given.x5c,
    })),
  'identity-assertion': () => ofIdentity(new azure.ClientAssertionCredential(tenant, clientId, async () => given.assertion, common)),
  'identity-on-behalf-of': () =>
    ofIdentity(new azure.OnBehalfOfCredential({ ...common, tenantId: tenant, clientId, clientSecret: given.secret, userAssertionToken: given.userToken })),
  'identity-on-behalf-of-certificate': () =>
    ofIdentity(new azure.OnBehalfOfCredential({
      ...common,
      tenantId: tenant,
      clientId,
      certificatePath: given.certificatePath,
      sendCertificateChain: given.x5c,
      userAssertionToken: given.userToken,
    })),
  'identity-federated': () => ofIdentity(new azure.ClientAssertionCredential(tenant, clientId, () => managedToken(), common)),
  'msal-secret': () => byClient({ clientSecret: given.secret }),
  'msal-assertion': () => byClient({ clientAssertion: async () => given.assertion }),
  'msal-certificate': () => byClient({ clientCertificate: certificate() }),
  'msal-capable': () => byClient({ clientSecret: given.secret, clientCapabilities: ['cp1'] }),
  'msal-claims': async () =>
    ofMsal(await application({ clientSecret: given.secret }).acquireTokenByClientCredential({ scopes: [scope], claims: given.claims })),
  'msal-on-behalf-of': () => onBehalf({ clientSecret: given.secret }),
  'msal-on-behalf-of-certificate': () => onBehalf({ clientCertificate: certificate() }),
};

let answer;
try {
  answer = await scenarios[scenario]();
} catch (error) {
  answer = { error: String(error.message), name: error.name, code: error.errorCode, codes: error.errorResponse?.errorCodes };
}
process.stdout.write(`${JSON.stringify(answer)}\n`);
