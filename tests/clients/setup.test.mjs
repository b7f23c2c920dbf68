// The AWS SDKs make the calls that tollgate's setup commands make, on the same simulated account: what it answers is
// what real clients accept.
import assert from 'node:assert/strict';
import test from 'node:test';

import { BCMDataExportsClient, GetExportCommand, paginateListExports } from '@aws-sdk/client-bcm-data-exports';
import {
    BedrockClient, CreateInferenceProfileCommand, DeleteInferenceProfileCommand, GetInferenceProfileCommand,
    GetModelInvocationLoggingConfigurationCommand, ListInferenceProfilesCommand, ListTagsForResourceCommand,
} from '@aws-sdk/client-bedrock';
import {
    BudgetsClient, CreateBudgetCommand, DescribeBudgetsCommand, DescribeNotificationsForBudgetCommand,
} from '@aws-sdk/client-budgets';
import { CloudWatchClient, DescribeAlarmsCommand, PutMetricAlarmCommand } from '@aws-sdk/client-cloudwatch';
import {
    CostExplorerClient, CreateAnomalyMonitorCommand, CreateAnomalySubscriptionCommand, GetAnomaliesCommand,
    GetAnomalyMonitorsCommand, GetAnomalySubscriptionsCommand, ListCostAllocationTagsCommand,
    StartCostAllocationTagBackfillCommand, UpdateCostAllocationTagsStatusCommand,
} from '@aws-sdk/client-cost-explorer';
import { GetProductsCommand, PricingClient } from '@aws-sdk/client-pricing';

import { Simulation } from '../lib/harness.mjs';

const AccountId = '123456789012';
const MODEL = 'anthropic.claude-3-5-haiku-20241022-v1:0';

async function client(t, Class, service) {
    const sim = await Simulation.start(t);
    const made = new Class({
        region: 'us-east-1',
        endpoint: sim.endpoints[service],
        maxAttempts: 1,
        credentials: { accessKeyId: sim.accessKeyId, secretAccessKey: sim.secretAccessKey },
    });
    t.after(() => made.destroy());
    return { sim, made, ask: (command) => made.send(command) };
}

test('Bedrock: profiles with tags, and logging', async (t) => {
    const { sim, ask } = await client(t, BedrockClient, 'bedrock');
    const made = await ask(new CreateInferenceProfileCommand({
        inferenceProfileName: 'haiku-sales',
        modelSource: { copyFrom: `arn:aws:bedrock:us-east-1::foundation-model/${MODEL}` },
        tags: [{ key: 'costCenter', value: 'sales' }],
    }));
    assert.equal(made.status, 'ACTIVE');
    const { inferenceProfileSummaries: [listed] } = await ask(new ListInferenceProfilesCommand({ typeEquals: 'APPLICATION' }));
    assert.equal(listed.inferenceProfileArn, made.inferenceProfileArn);
    assert.ok(listed.createdAt instanceof Date);
    const one = await ask(new GetInferenceProfileCommand({ inferenceProfileIdentifier: made.inferenceProfileArn }));
    assert.ok(one.models[0].modelArn.endsWith(MODEL));
    const { tags } = await ask(new ListTagsForResourceCommand({ resourceARN: made.inferenceProfileArn }));
    assert.deepEqual(tags, [{ key: 'costCenter', value: 'sales' }]);
    await ask(new DeleteInferenceProfileCommand({ inferenceProfileIdentifier: listed.inferenceProfileId }));
    await assert.rejects(ask(new GetInferenceProfileCommand({ inferenceProfileIdentifier: listed.inferenceProfileId })), { name: 'ResourceNotFoundException' });
    assert.equal((await ask(new GetModelInvocationLoggingConfigurationCommand({}))).loggingConfig, undefined);
    await sim.turn({ setup: { logging: [{ textDataDeliveryEnabled: true, s3Config: { bucketName: 'b' } }] } });
    assert.equal((await ask(new GetModelInvocationLoggingConfigurationCommand({}))).loggingConfig.s3Config.bucketName, 'b');
});

test('Budgets', async (t) => {
    const { sim, ask } = await client(t, BudgetsClient, 'budgets');
    const create = new CreateBudgetCommand({
        AccountId,
        Budget: {
            BudgetName: 'docs', BudgetType: 'COST', TimeUnit: 'MONTHLY', BudgetLimit: { Amount: '10', Unit: 'USD' }, Metrics: ['UnblendedCost'],
            FilterExpression: { Tags: { Key: 'costCenter', Values: ['sales'], MatchOptions: ['EQUALS'] } },
        },
        NotificationsWithSubscribers: [80, 100].map((Threshold) => ({
            Notification: { NotificationType: 'ACTUAL', ComparisonOperator: 'GREATER_THAN', Threshold, ThresholdType: 'PERCENTAGE' },
            Subscribers: [{ SubscriptionType: 'EMAIL', Address: 'a@example.com' }],
        })),
    });
    await ask(create);
    await assert.rejects(ask(create), { name: 'DuplicateRecordException' });
    await sim.turn({ page_size: 3 });
    const first = await ask(new DescribeBudgetsCommand({ AccountId, ShowFilterExpression: true }));
    const second = await ask(new DescribeBudgetsCommand({ AccountId, ShowFilterExpression: true, NextToken: first.NextToken }));
    assert.deepEqual([...first.Budgets, ...second.Budgets].map((b) => b.BudgetName), ['sales', 'services', 'support', 'docs']);
    assert.equal(second.Budgets[0].FilterExpression.Tags.Key, 'costCenter');
    assert.ok(Number(first.Budgets[0].CalculatedSpend.ActualSpend.Amount) >= 0);
    assert.ok(first.Budgets[0].LastUpdatedTime instanceof Date);
    const { Notifications } = await ask(new DescribeNotificationsForBudgetCommand({ AccountId, BudgetName: 'docs' }));
    assert.deepEqual(Notifications.map((n) => n.Threshold), [80, 100]);
    await sim.turn({ services: { budgets: 'throttled' } });
    await assert.rejects(ask(new DescribeBudgetsCommand({ AccountId })), { name: 'ThrottlingException' });
    await sim.turn({ services: { budgets: 'up' }, deny: 'DescribeBudgets' });
    await assert.rejects(ask(new DescribeBudgetsCommand({ AccountId })), { name: 'AccessDeniedException' });
});

test('Cost Explorer: anomalies and cost allocation tags', async (t) => {
    const { ask } = await client(t, CostExplorerClient, 'ce');
    const { Anomalies: [anomaly] } = await ask(new GetAnomaliesCommand({ DateInterval: { StartDate: '2020-01-01', EndDate: '2999-01-01' } }));
    assert.equal(anomaly.Impact.TotalImpact, 42.25);
    assert.equal(anomaly.RootCauses[0].Impact.Contribution, 42.25);
    const { MonitorArn } = await ask(new CreateAnomalyMonitorCommand({
        AnomalyMonitor: { MonitorName: 'm', MonitorType: 'CUSTOM', MonitorSpecification: { Tags: { Key: 'costCenter', Values: ['sales'], MatchOptions: ['EQUALS'] } } },
    }));
    const { SubscriptionArn } = await ask(new CreateAnomalySubscriptionCommand({
        AnomalySubscription: {
            SubscriptionName: 's', MonitorArnList: [MonitorArn], Subscribers: [{ Type: 'EMAIL', Address: 'a@example.com' }], Frequency: 'DAILY',
            ThresholdExpression: { Dimensions: { Key: 'ANOMALY_TOTAL_IMPACT_ABSOLUTE', Values: ['50'], MatchOptions: ['GREATER_THAN_OR_EQUAL'] } },
        },
    }));
    assert.ok((await ask(new GetAnomalyMonitorsCommand({}))).AnomalyMonitors.some((m) => m.MonitorArn === MonitorArn));
    assert.equal((await ask(new GetAnomalySubscriptionsCommand({}))).AnomalySubscriptions[0].SubscriptionArn, SubscriptionArn);

    const { Errors } = await ask(new UpdateCostAllocationTagsStatusCommand({
        CostAllocationTagsStatus: [{ TagKey: 'environment', Status: 'Active' }, { TagKey: 'nobody', Status: 'Active' }],
    }));
    assert.deepEqual(Errors.map((e) => e.TagKey), ['nobody']);
    const { CostAllocationTags } = await ask(new ListCostAllocationTagsCommand({ Status: 'Active' }));
    assert.deepEqual(CostAllocationTags.map((tag) => tag.TagKey), ['costCenter', 'environment']);
    const { BackfillRequest } = await ask(new StartCostAllocationTagBackfillCommand({ BackfillFrom: `${new Date().toISOString().slice(0, 7)}-01T00:00:00Z` }));
    assert.equal(BackfillRequest.BackfillStatus, 'PROCESSING');
});

test('CloudWatch: alarms', async (t) => {
    const { ask } = await client(t, CloudWatchClient, 'monitoring');
    const alarm = {
        AlarmName: 'denied', Namespace: 'GenAIRateLimiting', MetricName: 'RateLimitDenied', Statistic: 'Sum', Dimensions: [{ Name: 'Model', Value: 'haiku' }],
        Period: 60, EvaluationPeriods: 1, Threshold: 10, ComparisonOperator: 'GreaterThanThreshold', TreatMissingData: 'notBreaching',
    };
    await ask(new PutMetricAlarmCommand(alarm));
    await assert.rejects(ask(new PutMetricAlarmCommand({ ...alarm, Period: 61 })), /Period/);
    const { MetricAlarms: [got] } = await ask(new DescribeAlarmsCommand({ AlarmNamePrefix: 'den' }));
    assert.deepEqual([got.StateValue, got.Threshold, got.Dimensions], ['INSUFFICIENT_DATA', 10, alarm.Dimensions]);
    assert.ok(got.StateUpdatedTimestamp instanceof Date);
});

test('Price List', async (t) => {
    const { ask } = await client(t, PricingClient, 'pricing');
    const { PriceList } = await ask(new GetProductsCommand({
        ServiceCode: 'AmazonBedrockFoundationModels', MaxResults: 2, Filters: [{ Type: 'TERM_MATCH', Field: 'regionCode', Value: 'us-east-1' }],
    }));
    assert.equal(PriceList.length, 2);
    const { product, terms } = JSON.parse(PriceList[0]);
    assert.match(product.attributes.servicename, /Bedrock Edition/);
    assert.ok(Object.values(Object.values(terms.OnDemand)[0].priceDimensions)[0].pricePerUnit.USD > 0);
});

test('Data Exports', async (t) => {
    const { sim, ask, made } = await client(t, BCMDataExportsClient, 'bcm-data-exports');
    const table = 'COST_AND_USAGE_REPORT';
    await sim.turn({ page_size: 1, setup: { exports: [{ name: 'one', table }, { name: 'two', table, iam_principal: 'TRUE' }] } });
    const found = [];
    for await (const { Exports } of paginateListExports({ client: made }, {})) {
        found.push(...Exports);
    }
    assert.deepEqual(found.map((e) => [e.ExportName, e.ExportStatus.StatusCode]), [['one', 'HEALTHY'], ['two', 'HEALTHY']]);
    const { Export } = await ask(new GetExportCommand({ ExportArn: found[1].ExportArn }));
    assert.equal(Export.DataQuery.TableConfigurations[table].INCLUDE_IAM_PRINCIPAL_DATA, 'TRUE');
    await assert.rejects(ask(new GetExportCommand({ ExportArn: `${found[1].ExportArn}0` })), { name: 'ResourceNotFoundException' });
});
