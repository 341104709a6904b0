// SPDX-License-Identifier: MIT
//
// An OpenID provider that the project did not write (oidc-provider), on loopback, for its tests.
//
//   node provider.mjs CERT.pem KEY.pem
//
// Prints one line of JSON when ready: {"issuer":"https://localhost:PORT","port":PORT,"control":"http://127.0.0.1:PORT"},
// and ends on SIGTERM or when its standard input closes. The control port answers:
//
//   POST /token    {"resource":URL,"alg":"RS256"}               -> {"access_token":…}             an RFC 9068 access token
//   POST /id-token {"nonce":N,"alg":"RS256","resource":URL}     -> {"id_token","access_token","nonce","client_id"}
//   POST /client   {"client_id":ID,"method":M,"secret":S,"pem":PEM,"alg":A,"kid":K}          one more client, of client credentials
//                  "secret" of client_secret_basic and _post; "pem" (public key or certificate) and "alg" of private_key_jwt
//   POST /rotate            new signing keys first, the old ones still served
//   POST /rotate?drop=1     new signing keys, the old ones gone
//   POST /behave   {"status":503,"delay_ms":200}   how discovery and key set are answered from now on; {} heals it
//   GET  /stats                                                 -> {"discovery":N,"jwks":N}
//
// "alg" is RS256 (default), ES256, PS256 or EdDSA.

import { createHash, createPublicKey, generateKeyPairSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';

// oidc-provider tells developers about its in-memory defaults on the console: keep standard output for the one line.
console.info = console.log = console.warn = () => {};
const { Provider } = await import('oidc-provider');

const [certificateFile, keyFile] = process.argv.slice(2);
if (!keyFile) {
  process.stderr.write('usage: provider.mjs CERT.pem KEY.pem\n');
  process.exit(2);
}

const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'];
const ACCOUNT = 'user-1';
const REDIRECT_URI = 'https://client.test/callback';
const stats = { discovery: 0, jwks: 0 };
let behaviour = {};
let generation = 0;
let keys = [];
let issuer;
let provider;
let handler;

function newKey(alg) {
  const { privateKey } = {
    RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
    PS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
    ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    EdDSA: () => generateKeyPairSync('ed25519'),
  }[alg]();
  return { ...privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: `${alg}-${generation}` };
}

function client(kind, alg, rest) {
  return {
    client_id: `${kind}-${alg}`,
    client_secret: randomBytes(24).toString('hex'),
    id_token_signed_response_alg: alg,
    token_endpoint_auth_method: 'client_secret_post',
    ...rest,
  };
}

const clients = ALGORITHMS.flatMap((alg) => [
  client('service', alg, { grant_types: ['client_credentials'], redirect_uris: [], response_types: [] }),
  client('web', alg, { grant_types: ['authorization_code'], redirect_uris: [REDIRECT_URI], response_types: ['code'] }),
]);

// A client that proves itself in one way only, as a test registers it; another one of the same name replaces the first.
function addClient({ client_id, method, secret, pem, alg, kid }) {
  const made = client('registered', 'RS256', { client_id, grant_types: ['client_credentials'], redirect_uris: [], response_types: [] });
  made.token_endpoint_auth_method = method;
  made.scope = 'api:read';
  foreign.delete(client_id);
  if (pem) {
    delete made.client_secret;
    made.token_endpoint_auth_signing_alg = alg;
    made.jwks = { keys: [{ ...createPublicKey(pem).export({ format: 'jwk' }), alg, use: 'sig', kid }] };
  } else if (/^[\x20-\x7e]+$/.test(secret)) {
    made.client_secret = secret;
  } else {
    foreign.set(client_id, secret);
  }
  const at = clients.findIndex((each) => each.client_id === client_id);
  clients.splice(at < 0 ? clients.length : at, at < 0 ? 0 : 1, made);
  provider = build(keys);
  handler = provider.callback();
  return { client_id };
}

// Secrets that oidc-provider takes in no configuration, since RFC 6749, appendix A.2, is ASCII; as its documentation has it for hashed ones,
// they are compared here.
const foreign = new Map();

function compareForeign(made) {
  const compare = made.Client.prototype.compareClientSecret;
  made.Client.prototype.compareClientSecret = function compareClientSecret(actual) {
    if (!foreign.has(this.clientId)) return compare.call(this, actual);
    const [given, kept] = [actual, foreign.get(this.clientId)].map((text) => createHash('sha256').update(text).digest());
    return timingSafeEqual(given, kept);
  };
  return made;
}

// oidc-provider has no rotation at run time: each key set is a provider of its own behind the same server.
function build(current) {
  return compareForeign(new Provider(issuer, {
    clients,
    jwks: { keys: current },
    cookies: { keys: ['test'] },
    enabledJWA: { idTokenSigningAlgValues: ALGORITHMS, clientAuthSigningAlgValues: ALGORITHMS },
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    scopes: ['openid', 'api:read'],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => undefined,
        useGrantedResource: () => true,
        getResourceServerInfo: (ctx, resource, asking) => ({
          scope: 'api:read',
          audience: resource,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: asking.idTokenSignedResponseAlg } },
        }),
      },
    },
    interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    async loadExistingGrant(ctx) {
      const grant = new ctx.oidc.provider.Grant({
        clientId: ctx.oidc.client.clientId,
        accountId: ctx.oidc.session.accountId,
      });
      grant.addOIDCScope('openid');
      for (const resource of [ctx.oidc.params.resource].flat().filter(Boolean)) grant.addResourceScope(resource, 'api:read');
      await grant.save();
      return grant;
    },
    ttl: { AccessToken: 600, ClientCredentials: 600, IdToken: 600 },
  }));
}

function rotate(drop) {
  generation += 1;
  keys = [...ALGORITHMS.map(newKey), ...(drop ? [] : keys)];
  provider = build(keys);
  handler = provider.callback();
}

async function serve(request, response) {
  const { pathname } = new URL(request.url, issuer);
  const document = { '/.well-known/openid-configuration': 'discovery', '/jwks': 'jwks' }[pathname];
  if (document) {
    stats[document] += 1;
    if (behaviour.delay_ms) await sleep(behaviour.delay_ms);
    if (behaviour.status) {
      response.writeHead(behaviour.status, { 'content-type': 'text/plain' }).end('out of order\n');
      return;
    }
  }
  if (pathname.startsWith('/interaction/')) {
    await provider.interactionFinished(request, response, { login: { accountId: ACCOUNT } });
    return;
  }
  await handler(request, response);
}

const answers = (work) => (request, response) => {
  work(request, response).catch((error) => {
    if (!response.headersSent) response.writeHead(500, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ error: String(error.message || error) }));
  });
};

// A request of the client side to this very server: whether its certificate is a good one is not the question here.
function ask(target, { method = 'GET', form, cookies } = {}) {
  const body = form && new URLSearchParams(form).toString();
  const headers = body ? { 'content-type': 'application/x-www-form-urlencoded', 'content-length': body.length } : {};
  if (cookies?.size) headers.cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  const url = new URL(target, issuer);
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: url.port, path: url.pathname + url.search, method, rejectUnauthorized: false };
    const sent = https.request({ ...options, headers: { host: url.host, ...headers } }, (answer) => {
      const parts = [];
      for (const line of answer.headers['set-cookie'] ?? []) {
        const [name, ...value] = line.split(';')[0].split('=');
        cookies?.set(name, value.join('='));
      }
      answer.on('data', (part) => parts.push(part));
      answer.on('end', () => resolve({ status: answer.statusCode, location: answer.headers.location, text: Buffer.concat(parts).toString() }));
    });
    sent.on('error', reject).end(body);
  });
}

function clientOf(kind, alg = 'RS256') {
  const found = clients.find((each) => each.client_id === `${kind}-${alg}`);
  if (!found) throw new Error(`no such algorithm: ${alg}`);
  return found;
}

async function redeem(form) {
  const answer = await ask('/token', { method: 'POST', form });
  const json = JSON.parse(answer.text);
  if (answer.status !== 200) throw new Error(`${json.error}: ${json.error_description}`);
  return json;
}

async function accessToken({ resource = 'https://api.test', alg }) {
  const { client_id, client_secret } = clientOf('service', alg);
  const { access_token } = await redeem({ grant_type: 'client_credentials', scope: 'api:read', resource, client_id, client_secret });
  return { access_token };
}

// The whole authorization code flow with PKCE, as a browser and a client would go through it.
async function idToken({ nonce = randomBytes(12).toString('hex'), alg, resource }) {
  const { client_id, client_secret } = clientOf('web', alg);
  const code_verifier = randomBytes(32).toString('base64url');
  const cookies = new Map();
  const query = new URLSearchParams({
    client_id, redirect_uri: REDIRECT_URI, response_type: 'code', scope: resource ? 'openid api:read' : 'openid', nonce, state: 'state',
    code_challenge: createHash('sha256').update(code_verifier).digest('base64url'), code_challenge_method: 'S256',
    ...(resource && { resource }),
  });
  let { location, text } = await ask(`/auth?${query}`, { cookies });
  for (let step = 0; location && !location.startsWith(REDIRECT_URI) && step < 6; step += 1) {
    ({ location, text } = await ask(location, { cookies }));
  }
  const code = location && new URL(location, issuer).searchParams.get('code');
  if (!code) throw new Error(`no code: ${location ?? text}`);
  const { id_token, access_token } = await redeem({
    grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI, code_verifier, client_id, client_secret, ...(resource && { resource }),
  });
  return { id_token, access_token, nonce, client_id };
}

async function control(request, response) {
  const parts = [];
  for await (const part of request) parts.push(part);
  const body = parts.length ? JSON.parse(Buffer.concat(parts).toString() || '{}') : {};
  const { pathname, searchParams } = new URL(request.url, 'http://control');
  const actions = {
    'POST /token': () => accessToken(body),
    'POST /id-token': () => idToken(body),
    'POST /client': () => addClient(body),
    'POST /rotate': () => {
      rotate(searchParams.get('drop') === '1');
      return { kids: keys.map((key) => key.kid) };
    },
    'POST /behave': () => {
      behaviour = body;
      return behaviour;
    },
    'GET /stats': () => stats,
  };
  const action = actions[`${request.method} ${pathname}`];
  const answer = action ? await action() : { error: 'no such action' };
  response.writeHead(action ? 200 : 404, { 'content-type': 'application/json' }).end(`${JSON.stringify(answer)}\n`);
}

const listening = (server) => new Promise((resolve, reject) => {
  server.on('error', reject).listen(0, '127.0.0.1', () => resolve(server.address().port));
});

const server = https.createServer({ cert: readFileSync(certificateFile), key: readFileSync(keyFile) }, answers(serve));
const port = await listening(server);
issuer = `https://localhost:${port}`;
rotate(true);
const controlPort = await listening(http.createServer(answers(control)));

const end = () => process.exit(0);
process.on('SIGTERM', end);
process.stdin.on('end', end).on('error', end).resume();
process.stdout.write(`${JSON.stringify({ issuer, port, control: `http://127.0.0.1:${controlPort}` })}\n`);
