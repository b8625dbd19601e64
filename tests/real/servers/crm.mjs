// A CRM behind OData v4: an EDMX shaped like Dataverse's, rows in JSON files, and an authorization server before it.
import { generateKeyPairSync } from "node:crypto";
import MockServer from "@sap-ux/fe-mockserver-core";
import { createLocalJWKSet, jwtVerify } from "jose";
import { makeProvider } from "./issuing.mjs";
import { options, serve } from "./serving.mjs";

const given = options("client-id", "client-secret", "metadata", "rows", "service-root", "tenant");

const key = { ...generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" }), kid: "crm" };
const keySet = createLocalJWKSet({ keys: [{ kty: key.kty, n: key.n, e: key.e, kid: key.kid }] });

await serve(async (origin) => {
  const odata = new MockServer.default({
    annotations: [],
    services: [
      {
        generateMockData: false,
        metadataPath: given.metadata,
        mockdataPath: given.rows,
        strictKeyMode: true,
        urlPath: given["service-root"],
        validateETag: true,
        watch: false,
      },
    ],
  });
  await odata.isReady;
  const client = { secret: given["client-secret"], scope: `${origin}/.default` };
  const tokens = makeProvider(origin, {
    clients: { [given["client-id"]]: client },
    keys: [{ ...key, alg: "RS256", use: "sig" }],
    resources: [origin],
    routes: { token: `/${given.tenant}/oauth2/v2.0/token` },
  }).callback();

  return async (request, response) => {
    if (!request.url.startsWith(given["service-root"])) return tokens(request, response);
    const token = request.headers.authorization?.replace(/^Bearer /, "") ?? "";
    try {
      await jwtVerify(token, keySet, { audience: origin, issuer: origin });
    } catch {
      return response.writeHead(401, { "WWW-Authenticate": "Bearer" }).end();
    }
    odata.getRouter()(request, response, () => response.writeHead(404).end());
  };
});
