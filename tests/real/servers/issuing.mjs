// An authorization server that gives JWT access tokens (RFC 9068) for client credentials, as oidc-provider does it.
import { Provider, errors } from "oidc-provider";

/**
 * `resources` are the audiences that tokens may be for, and the first is for who names none; `clients` are by id, each
 * with its secret, its scope and the lifetime of its tokens in seconds.
 */
export function makeProvider(issuer, { keys, resources, clients, routes = {} }) {
  const scopes = [...new Set(Object.values(clients).flatMap(({ scope }) => scope.split(" ")))];
  return new Provider(issuer, {
    clients: Object.entries(clients).map(([client_id, { secret, scope }]) => ({
      client_id,
      client_secret: secret,
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
      scope,
      token_endpoint_auth_method: "client_secret_post",
    })),
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => resources[0],
        getResourceServerInfo: (_, resource, client) => {
          if (!resources.includes(resource)) throw new errors.InvalidTarget();
          return {
            accessTokenFormat: "jwt",
            accessTokenTTL: clients[client.clientId].lifetime ?? 600,
            audience: resource,
            jwt: { sign: { alg: "RS256" } },
            scope: scopes.join(" "),
          };
        },
        useGrantedResource: () => true,
      },
    },
    jwks: { keys },
    routes,
    scopes,
  });
}
