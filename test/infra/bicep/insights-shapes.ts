import { any, flag, list, map, oneOf, record, type Shape, text, variants, whole } from "./shape.ts";

/** Azure Monitor. Written by hand from Microsoft's published types; only what the templates may need is in it. */
const failingPeriods = record({ numberOfEvaluationPeriods: whole, minFailingPeriodsToAlert: whole });
const dimensions = list(record({ name: text, operator: oneOf("Include", "Exclude"), values: list(text) }));
const sensitivity = oneOf("Low", "Medium", "High");
const kept = record({ enabled: flag, days: whole });

const logCriterion = {
  query: text,
  timeAggregation: oneOf("Count", "Average", "Minimum", "Maximum", "Total"),
  "metricMeasureColumn?": text,
  "resourceIdColumn?": text,
  "dimensions?": dimensions,
  "failingPeriods?": failingPeriods,
};
const staticOperator = oneOf("Equals", "GreaterThan", "GreaterThanOrEqual", "LessThan", "LessThanOrEqual");
const dynamicOperator = oneOf("GreaterThan", "LessThan", "GreaterOrLessThan");

const metricCriterion = {
  name: text,
  metricName: text,
  "metricNamespace?": text,
  "dimensions?": dimensions,
  timeAggregation: oneOf("Average", "Count", "Minimum", "Maximum", "Total"),
  "skipMetricValidation?": flag,
};

const activityLeaf = record({ "field?": text, "equals?": text, "containsAny?": list(text) });
const activityCondition = record({
  "field?": text,
  "equals?": text,
  "containsAny?": list(text),
  "anyOf?": list(activityLeaf),
});

export const insightsShapes: Readonly<Record<string, Readonly<Record<string, Shape>>>> = {
  "Microsoft.Insights/components@2020-02-02": {
    location: text,
    kind: text,
    "tags?": any,
    properties: record({
      Application_Type: oneOf("web", "other"),
      "WorkspaceResourceId?": text,
      "DisableLocalAuth?": flag,
      "DisableIpMasking?": flag,
      "RetentionInDays?": whole,
      "SamplingPercentage?": whole,
      "IngestionMode?": oneOf("LogAnalytics"),
      "publicNetworkAccessForIngestion?": oneOf("Enabled", "Disabled"),
      "publicNetworkAccessForQuery?": oneOf("Enabled", "Disabled"),
    }),
  },
  "Microsoft.Insights/actionGroups@2023-01-01": {
    location: text,
    "tags?": any,
    properties: record({
      groupShortName: text,
      enabled: flag,
      "emailReceivers?": list(record({ name: text, emailAddress: text, "useCommonAlertSchema?": flag })),
      "webhookReceivers?": list(any),
      "logicAppReceivers?": list(any),
      "armRoleReceivers?": list(record({ name: text, roleId: text, "useCommonAlertSchema?": flag })),
    }),
  },
  "Microsoft.Insights/diagnosticSettings@2021-05-01-preview": {
    properties: record({
      "workspaceId?": text,
      "storageAccountId?": text,
      "eventHubAuthorizationRuleId?": text,
      "eventHubName?": text,
      "logAnalyticsDestinationType?": oneOf("Dedicated", "AzureDiagnostics"),
      "logs?": list(record({ "category?": text, "categoryGroup?": text, enabled: flag, "retentionPolicy?": kept })),
      "metrics?": list(record({ "category?": text, enabled: flag, "timeGrain?": text, "retentionPolicy?": kept })),
    }),
  },
  "Microsoft.Insights/scheduledQueryRules@2026-03-01": {
    location: text,
    "kind?": oneOf("LogAlert", "LogToMetric", "SimpleLogAlert"),
    "tags?": any,
    "identity?": any,
    properties: record({
      "displayName?": text,
      "description?": text,
      "severity?": whole,
      "enabled?": flag,
      scopes: list(text),
      "targetResourceTypes?": list(text),
      "evaluationFrequency?": text,
      "windowSize?": text,
      "overrideQueryTimeRange?": text,
      "muteActionsDuration?": text,
      "autoMitigate?": flag,
      "resolveConfiguration?": record({ "autoResolved?": flag, "timeToResolve?": text }),
      "checkWorkspaceAlertsStorageConfigured?": flag,
      "skipQueryValidation?": flag,
      criteria: record({
        allOf: list(
          variants("criterionType", {
            StaticThresholdCriterion: record({
              criterionType: text,
              ...logCriterion,
              operator: staticOperator,
              threshold: whole,
            }),
            DynamicThresholdCriterion: record({
              criterionType: text,
              ...logCriterion,
              operator: dynamicOperator,
              alertSensitivity: sensitivity,
              "ignoreDataBefore?": text,
            }),
          }),
        ),
      }),
      "actions?": record({
        "actionGroups?": list(text),
        "customProperties?": map(text),
        "actionProperties?": map(text),
      }),
    }),
  },
  "Microsoft.Insights/metricAlerts@2018-03-01": {
    location: oneOf("global"),
    "tags?": any,
    properties: record({
      "description?": text,
      severity: whole,
      enabled: flag,
      scopes: list(text),
      evaluationFrequency: text,
      windowSize: text,
      "targetResourceType?": text,
      "targetResourceRegion?": text,
      "autoMitigate?": flag,
      criteria: record({
        "odata.type": oneOf(
          "Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria",
          "Microsoft.Azure.Monitor.MultipleResourceMultipleMetricCriteria",
        ),
        allOf: list(
          variants("criterionType", {
            StaticThresholdCriterion: record({
              criterionType: text,
              ...metricCriterion,
              operator: staticOperator,
              threshold: whole,
            }),
            DynamicThresholdCriterion: record({
              criterionType: text,
              ...metricCriterion,
              operator: dynamicOperator,
              alertSensitivity: sensitivity,
              failingPeriods,
              "ignoreDataBefore?": text,
            }),
          }),
        ),
      }),
      "actions?": list(record({ actionGroupId: text, "webHookProperties?": map(text) })),
    }),
  },
  "Microsoft.Insights/activityLogAlerts@2020-10-01": {
    location: oneOf("global", "Global"),
    "tags?": any,
    properties: record({
      "description?": text,
      "enabled?": flag,
      scopes: list(text),
      condition: record({ allOf: list(activityCondition) }),
      actions: record({ "actionGroups?": list(record({ actionGroupId: text, "webhookProperties?": map(text) })) }),
    }),
  },
  "Microsoft.Insights/workbooks@2023-06-01": {
    location: text,
    kind: oneOf("shared"),
    "tags?": any,
    "identity?": any,
    properties: record({
      displayName: text,
      serializedData: text,
      category: text,
      "description?": text,
      "sourceId?": text,
      "version?": text,
      "storageUri?": text,
      "tags?": list(text),
    }),
  },
};
