// Hive Gateway over the four systems, composed by GraphQL Mesh from what each answers.
// UPSTREAMS: the addresses of the four systems without their last digit.
import { defineConfig } from '@graphql-mesh/compose-cli'
import { loadJSONSchemaSubgraph } from '@omnigraph/json-schema'

const upstreams = process.env.UPSTREAMS ?? 'http://127.0.0.1:910'
const S = { type: 'string' }
const F = { type: 'number' }
const I = { type: 'integer' }
const B = { type: 'boolean' }
const object = (title: string, properties: any, required: string[] = []) =>
  ({ type: 'object', title, properties, required })
const list = (items: any, title: string) => ({ type: 'array', title, items })

const Address = object('Address', { line1: S, line2: S, city: S, postal_code: S, country: S, region: S })
const Customer = object('Customer', {
  id: S, first_name: S, last_name: S, full_name: S, email: S, phone: S, status: S, segment: S, created_at: S,
  updated_at: S, birth_date: S, language: S, account_manager: S, lifetime_value: F, score: I, vip: B,
  address: Address }, ['id'])
const Invoice = object('Invoice', {
  id: S, number: S, status: S, amount: F, currency: S, issued_on: S, due_on: S, balance: F }, ['id'])
const Complaint = object('Complaint', {
  id: S, subject: S, status: S, priority: S, opened_at: S, closed_at: S, channel: S, body: S }, ['id'])
const Consent = object('Consent', { channel: S, granted: B, updated_at: S, source: S, ip: S })
const Campaign = object('Campaign', { id: S, name: S, sent_at: S, opened: B, clicked: B, template: S }, ['id'])
const Profile = object('Profile', {
  customer_id: S, consents: { type: 'array', items: Consent }, campaigns: { type: 'array', items: Campaign },
  persona: S }, ['customer_id'])

const system = (name: string, digit: number, operations: any[]) =>
  ({ sourceHandler: loadJSONSchemaSubgraph(name, { endpoint: `${upstreams}${digit}`, operations }) })
const id = { id: { type: 'string', title: 'ID' } }
const get = (field: string, path: string, answer: object) =>
  ({ type: 'Query', field, path, method: 'GET', argTypeMap: id, ...answer })

export const composeConfig = defineConfig({
  subgraphs: [
    system('crm', 1, [
      get('customer', '/customers/{args.id}', { responseSchema: Customer, responseTypeName: 'Customer' }),
      { type: 'Query', field: 'customers', path: '/customers?limit={args.limit}', method: 'GET',
        argTypeMap: { limit: I }, responseSchema: list(Customer, 'Customers') },
    ]),
    system('billing', 2, [
      get('invoicesOf', '/accounts/{args.id}/invoices', { responseSchema: list(Invoice, 'Invoices') })]),
    system('complaints', 3, [
      get('complaintsOf', '/complaints?customer={args.id}', { responseSchema: list(Complaint, 'Complaints') })]),
    system('marketing', 4, [
      get('profileOf', '/profiles/{args.id}', { responseSchema: Profile, responseTypeName: 'Profile' })]),
  ],
  additionalTypeDefs: /* GraphQL */ `
    extend type Customer {
      invoices: [Invoice] @resolveTo(sourceName: "billing", sourceTypeName: "Query",
        sourceFieldName: "invoicesOf", requiredSelectionSet: "{ id }", sourceArgs: { id: "{root.id}" })
      complaints: [Complaint] @resolveTo(sourceName: "complaints", sourceTypeName: "Query",
        sourceFieldName: "complaintsOf", requiredSelectionSet: "{ id }", sourceArgs: { id: "{root.id}" })
      profile: Profile @resolveTo(sourceName: "marketing", sourceTypeName: "Query",
        sourceFieldName: "profileOf", requiredSelectionSet: "{ id }", sourceArgs: { id: "{root.id}" })
    }`,
})
