// A real OpenID Connect issuer in a process of its own (oidc-provider): applications get access tokens by their secret, the
// person who signs in is always alice. Its settings come as JSON on its standard input; it prints its address when it listens.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const { port, keys, alg, clientId, clientSecret, audience, groups } = JSON.parse(
  readFileSync(0, "utf8"),
);
const server = createServer();
await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  jwks: { keys },
  clients: [
    {
      client_id: clientId,
      client_secret: clientSecret,
      grant_types: ["client_credentials", "authorization_code"],
      redirect_uris: ["https://app.example.org/callback"],
      response_types: ["code"],
      id_token_signed_response_alg: alg,
    },
  ],
  cookies: { keys: ["only for tests"] },
  scopes: ["openid", "audit"],
  claims: { openid: ["sub", "groups"] },
  conformIdTokenClaims: false,
  findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId, groups }) }),
  extraTokenClaims: () => ({ groups }),
  interactions: { url: (_, { uid }) => `/interaction/${uid}` },
  loadExistingGrant: async ({ oidc }) => {
    const grant = new oidc.provider.Grant({
      clientId: oidc.client.clientId,
      accountId: oidc.session.accountId,
    });
    grant.addOIDCScope("openid");
    await grant.save();
    return grant;
  },
  enabledJWA: { idTokenSigningAlgValues: [alg] },
  ttl: {
    ClientCredentials: 600,
    AccessToken: 600,
    IdToken: 600,
    Interaction: 60,
    Session: 60,
    Grant: 60,
  },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: (_, client, oneOf) => oneOf ?? "https://audit.example.org",
      getResourceServerInfo: () => ({
        scope: "audit",
        audience,
        accessTokenFormat: "jwt",
        jwt: { sign: { alg } },
      }),
    },
  },
});

/** How often each path was asked for, at `/asked`. */
const asked = {};
server.on("request", async (request, response) => {
  const { pathname } = new URL(request.url, issuer);
  if (pathname === "/asked") return response.end(JSON.stringify(asked));
  asked[pathname] = (asked[pathname] ?? 0) + 1;
  if (pathname.startsWith("/interaction/")) {
    return provider.interactionFinished(request, response, { login: { accountId: "alice" } });
  }
  return provider.callback()(request, response);
});
console.log(issuer);
