// GraphQL Yoga as its users write it when speed matters: hand-written resolvers, undici pools, dataloader.
// PORT; UPSTREAMS, the addresses of the four systems without their last digit; JIT=1 for graphql-jit.
import { createServer } from 'node:http'
import { createSchema, createYoga } from 'graphql-yoga'
import { Pool } from 'undici'
import DataLoader from 'dataloader'

const { PORT = '4001', UPSTREAMS = 'http://127.0.0.1:910', JIT } = process.env
const pool = (digit) => new Pool(`${UPSTREAMS}${digit}`, { connections: 256 })
const pools = { crm: pool(1), billing: pool(2), complaints: pool(3), marketing: pool(4) }

const get = async (system, path) => {
  const answer = await pools[system].request({ path, method: 'GET' })
  if (answer.statusCode !== 200) {
    await answer.body.dump()
    throw new Error(`upstream ${answer.statusCode}`)
  }
  return answer.body.json()
}

const typeDefs = /* GraphQL */ `
  type Query { customer(id: ID!): Customer  customers(limit: Int!): [Customer!] }
  type Customer {
    id: ID! first_name: String last_name: String full_name: String email: String phone: String status: String
    segment: String created_at: String updated_at: String birth_date: String language: String
    account_manager: String lifetime_value: Float score: Int vip: Boolean address: Address
    invoices: [Invoice!] complaints: [Complaint!] profile: Profile
  }
  type Address { line1: String line2: String city: String postal_code: String country: String region: String }
  type Invoice {
    id: ID! number: String status: String amount: Float currency: String issued_on: String due_on: String
    balance: Float
  }
  type Complaint {
    id: ID! subject: String status: String priority: String opened_at: String closed_at: String channel: String
    body: String
  }
  type Profile { customer_id: ID! consents: [Consent!] campaigns: [Campaign!] persona: String }
  type Consent { channel: String granted: Boolean updated_at: String source: String ip: String }
  type Campaign { id: ID! name: String sent_at: String opened: Boolean clicked: Boolean template: String }
`

const many = (read) => new DataLoader((ids) => Promise.all(ids.map((id) => read(encodeURIComponent(id)))))
const context = () => ({
  customer: many((id) => get('crm', `/customers/${id}`)),
  invoices: many((id) => get('billing', `/accounts/${id}/invoices`)),
  complaints: many((id) => get('complaints', `/complaints?customer=${id}`)),
  profile: many((id) => get('marketing', `/profiles/${id}`)),
})
const resolvers = {
  Query: {
    customer: (_, { id }, loaders) => loaders.customer.load(id),
    customers: (_, { limit }) => get('crm', `/customers?limit=${limit}`),
  },
  Customer: {
    invoices: ({ id }, _, loaders) => loaders.invoices.load(id),
    complaints: ({ id }, _, loaders) => loaders.complaints.load(id),
    profile: ({ id }, _, loaders) => loaders.profile.load(id),
  },
}

const plugins = JIT ? [(await import('@envelop/graphql-jit')).useGraphQlJit()] : []
const schema = createSchema({ typeDefs, resolvers })
const yoga = createYoga({ schema, context, plugins, logging: false, graphiql: false, landingPage: false })
createServer(yoga).listen(Number(PORT), '127.0.0.1')
