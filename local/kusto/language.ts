/**
 * Kusto's own parser and analyser over the tables that our queries read: names, types and the columns of the result. It
 * executes nothing: `query.ts` does.
 */
import { createRequire } from "node:module";

export interface Analysis {
  /** `code: message`, errors and warnings. */
  problems: string[];
  /** `name:type` in the order of the result. */
  columns: string[];
}

/** A node or token of the tree, as the language service returns it. */
export interface RawNode {
  Kind: number;
  NameInParent: string | null;
  IsToken: boolean;
  ChildCount: number;
  GetChild(index: number): RawNode | null;
  /** The text of a token. */
  Text?: string;
  ToString(): string;
  ResultType: { Name: string; Columns?: ListOf<{ Name: string; Type: { Name: string } }> } | null;
}

export interface ListOf<T> {
  Count: number;
  getItem(index: number): T;
}

interface KustoLanguage {
  Symbols: {
    TableSymbol: { $ctor7: new (name: string, schema: string, description: null) => object };
    /** Takes a plain array. The overload `$ctor1` creates an empty database from one. */
    DatabaseSymbol: { ctor: new (name: string, tables: object[]) => object };
  };
  GlobalState: { Default: { WithDatabase(database: object): object } };
  Syntax: { SyntaxKind: Readonly<Record<string, unknown>> };
  KustoCode: {
    ParseAndAnalyze(
      query: string,
      globals: object,
    ): {
      Syntax: RawNode;
      GetDiagnostics(): ListOf<{ Severity: string; Code: string; Message: string }>;
      ResultType: { Columns?: ListOf<{ Name: string; Type: { Name: string } }> } | null;
    };
  };
}

const application =
  "TimeGenerated:datetime, Name:string, OperationId:string, ParentId:string, AppRoleName:string, AppRoleInstance:string, Properties:dynamic, Measurements:dynamic, ItemCount:int, SeverityLevel:int, _ResourceId:string";

const storage =
  "TimeGenerated:datetime, AccountName:string, AuthenticationType:string, CallerIpAddress:string, Category:string, CorrelationId:string, OperationName:string, RequesterAppId:string, RequesterObjectId:string, StatusCode:int, StatusText:string, Uri:string, UserAgentHeader:string, _ResourceId:string";

/**
 * Columns as in Microsoft's reference of Azure Monitor tables. Of the application's tables, only the columns that we
 * may use.
 */
export const schemas: Readonly<Record<string, string>> = {
  AZKVAuditLogs:
    "AddressAuthorizationType:string, Algorithm:string, AppliedAssignmentId:string, CallerIpAddress:string, CertificateIssuerProperties:dynamic, CertificatePolicyProperties:dynamic, CertificateProperties:dynamic, CertificateRequestProperties:dynamic, ClientInfo:string, CorrelationId:string, DurationMs:int, EnabledForDeployment:bool, EnabledForDiskEncryption:bool, EnabledForTemplateDeployment:bool, EnablePurgeProtection:bool, EnableRbacAuthorization:bool, EnableSoftDelete:bool, HsmPoolResourceId:string, HttpStatusCode:int, Id:string, Identity:dynamic, IsAccessPolicyMatch:bool, IsAddressAuthorized:bool, IsRbacAuthorized:bool, KeyProperties:dynamic, NetworkAcls:dynamic, Nsp:dynamic, OperationName:string, OperationVersion:string, Properties:dynamic, RequestUri:string, ResultDescription:string, ResultSignature:string, ResultType:string, SecretProperties:dynamic, Sku:dynamic, SoftDeleteRetentionInDays:int, SourceSystem:string, StorageAccountProperties:dynamic, StorageSasDefinitionProperties:dynamic, SubnetId:string, TenantId:string, TimeGenerated:datetime, Tlsversion:string, TrustedService:string, Type:string, VaultProperties:dynamic, _BilledSize:real, _IsBillable:string, _ResourceId:string, _SubscriptionId:string",
  AppMetrics:
    "TimeGenerated:datetime, Name:string, Sum:real, Min:real, Max:real, ItemCount:int, Properties:dynamic, OperationId:string, AppRoleName:string, AppRoleInstance:string, _ResourceId:string",
  AppEvents: application,
  AppTraces: application.replace("Name:string", "Message:string"),
  AppRequests: `${application}, Success:bool, ResultCode:string, DurationMs:real, Url:string`,
  AppDependencies: `${application}, Success:bool, ResultCode:string, DurationMs:real, Target:string, DependencyType:string`,
  AppExceptions: `${application}, ExceptionType:string, OuterMessage:string, ProblemId:string`,
  AzureActivity:
    "TimeGenerated:datetime, OperationNameValue:string, ActivityStatusValue:string, Caller:string, CallerIpAddress:string, CategoryValue:string, Claims_d:dynamic, CorrelationId:string, ResourceGroup:string, ResourceProviderValue:string, Properties_d:dynamic, Authorization_d:dynamic, _ResourceId:string, _SubscriptionId:string",
  StorageBlobLogs: storage,
  StorageTableLogs: storage,
};

export const kusto = loadLanguage();
const { TableSymbol, DatabaseSymbol } = kusto.Symbols;
const tables = Object.entries(schemas).map(([name, columns]) => new TableSymbol.$ctor7(name, `(${columns})`, null));
const globals = kusto.GlobalState.Default.WithDatabase(new DatabaseSymbol.ctor("workspace", tables));

type Code = ReturnType<KustoLanguage["KustoCode"]["ParseAndAnalyze"]>;

/** The analysis is expensive, and the same queries are analysed repeatedly. */
const analysed = new Map<string, Code>();

function codeOf(query: string): Code {
  const code = analysed.get(query) ?? kusto.KustoCode.ParseAndAnalyze(query, globals);
  analysed.set(query, code);
  return code;
}

/** The tree of a query; `tree.ts` copies it. */
export function parse(query: string): RawNode {
  return codeOf(query).Syntax;
}

export function analyse(query: string): Analysis {
  const code = codeOf(query);
  return {
    problems: itemsOf(code.GetDiagnostics()).map(({ Code, Message }) => `${Code}: ${Message}`),
    columns: itemsOf(code.ResultType?.Columns).map(({ Name, Type }) => `${Name}:${Type.Name}`),
  };
}

function itemsOf<T>(list: ListOf<T> | undefined): T[] {
  return Array.from({ length: list?.Count ?? 0 }, (_, index) => list?.getItem(index)).filter(
    (item) => item !== undefined,
  );
}

/** The package defines a global. The first file must be loaded first. */
function loadLanguage(): KustoLanguage {
  const require = createRequire(import.meta.url);
  require("@kusto/language-service-next/bridge.min.js");
  require("@kusto/language-service-next/Kusto.Language.Bridge.min.js");
  return (globalThis as unknown as { Kusto: { Language: KustoLanguage } }).Kusto.Language;
}
