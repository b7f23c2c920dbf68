// The AWS SDK for JavaScript against the simulated account: what tollgate writes and reads there is what real clients
// write and read. Nothing here goes through tollgate but the traffic that is looked at.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import {
    CloudWatchClient, DescribeAlarmsCommand, GetMetricDataCommand, paginateListMetrics, PutMetricDataCommand,
} from '@aws-sdk/client-cloudwatch';
import {
    CloudWatchLogsClient, CreateLogGroupCommand, CreateLogStreamCommand, FilterLogEventsCommand, PutLogEventsCommand,
    ResourceAlreadyExistsException, ResourceNotFoundException,
} from '@aws-sdk/client-cloudwatch-logs';
import {
    CostExplorerClient, GetAnomaliesCommand, GetCostAndUsageCommand, GetCostForecastCommand, GetDimensionValuesCommand,
} from '@aws-sdk/client-cost-explorer';
import { ListServiceQuotasCommand, paginateListServiceQuotas, ServiceQuotasClient } from '@aws-sdk/client-service-quotas';

import { call } from '../lib/calls.mjs';
import { configuration, Core, Simulation, until } from '../lib/harness.mjs';

const cleanups = [];
let sim;

before(async () => {
    sim = await Simulation.start({ after: (fn) => cleanups.push(fn) });
});
after(async () => {
    for (const fn of cleanups.reverse()) {
        await fn();
    }
});

const client = (Class, service, more = {}) => new Class({
    region: 'us-east-1', endpoint: sim.endpoints[service], maxAttempts: 1,
    credentials: { accessKeyId: sim.accessKeyId, secretAccessKey: sim.secretAccessKey }, ...more,
});
const day = (offset) => new Date(Date.now() + offset * 86400000).toISOString().slice(0, 10);

test('logs: groups, streams and events, with the errors the SDK knows', async () => {
    const logs = client(CloudWatchLogsClient, 'logs');
    const group = { logGroupName: '/sdk/audit' };
    const stream = { ...group, logStreamName: 'one' };
    await assert.rejects(logs.send(new CreateLogStreamCommand(stream)), ResourceNotFoundException);
    await logs.send(new CreateLogGroupCommand(group));
    await assert.rejects(logs.send(new CreateLogGroupCommand(group)), ResourceAlreadyExistsException);
    await logs.send(new CreateLogStreamCommand(stream));
    const now = Date.now();
    const answer = await logs.send(new PutLogEventsCommand({
        ...stream, logEvents: [{ timestamp: now - 15 * 86400000, message: 'old' }],
    }));
    assert.equal(answer.rejectedLogEventsInfo.tooOldLogEventEndIndex, 1);
    await logs.send(new PutLogEventsCommand({ ...stream, logEvents: [{ timestamp: now, message: '{"a":1}' }] }));
    const { events } = await logs.send(new FilterLogEventsCommand(group));
    assert.deepEqual(events.map((e) => e.message), ['{"a":1}']);
    await assert.rejects(logs.send(new PutLogEventsCommand({
        ...stream, logEvents: [{ timestamp: now, message: 'b' }, { timestamp: now - 1, message: 'a' }],
    })), { name: 'InvalidParameterException' });
});

test('logs: the SDK reads the audit that tollgate wrote', async (t) => {
    const logGroupName = '/tollgate/audit';
    const core = await Core.start(t, sim, configuration(sim, { publish: { audit: { log_group: logGroupName } } }));
    const key = await core.key('docs', 'support');
    const answer = await call(core, key, { text: '[sim:output=4]' });
    assert.equal(answer.status, 200);
    const control = await core.control();
    const logs = client(CloudWatchLogsClient, 'logs');
    const found = await until('the call in the log', async () => {
        await control.ask('refresh');
        const { events } = await logs.send(new FilterLogEventsCommand({ logGroupName })).catch(() => ({ events: [] }));
        return events.map((e) => JSON.parse(e.message)).find((line) => line.requestId === answer.requestId);
    });
    control.close();
    assert.equal(found.outcome, 'approved');
    assert.equal(found.usage.output_tokens, 4);
});

test('metrics: put, listed page by page, and read', async () => {
    const cloudwatch = client(CloudWatchClient, 'monitoring');
    const Timestamp = new Date(Math.floor(Date.now() / 300000) * 300000 - 300000);
    const MetricData = ['a', 'b', 'c'].map((Value, i) => ({
        MetricName: 'M', Dimensions: [{ Name: 'Model', Value }], Timestamp, Value: i + 1, Unit: 'Count',
    }));
    await cloudwatch.send(new PutMetricDataCommand({ Namespace: 'Sdk', MetricData }));
    await sim.turn({ page_size: 2 });
    const listed = [];
    for await (const page of paginateListMetrics({ client: cloudwatch }, { Namespace: 'Sdk' })) {
        listed.push(...page.Metrics);
    }
    await sim.turn({ page_size: 100 });
    assert.equal(listed.length, 3);
    const { MetricDataResults } = await cloudwatch.send(new GetMetricDataCommand({
        StartTime: new Date(+Timestamp - 300000), EndTime: new Date(+Timestamp + 300000),
        MetricDataQueries: [{ Id: 'q0', MetricStat: {
            Metric: { Namespace: 'Sdk', MetricName: 'M', Dimensions: [{ Name: 'Model', Value: 'c' }] }, Period: 300, Stat: 'Sum',
        } }],
    }));
    assert.deepEqual(MetricDataResults[0].Values, [3]);
    assert.ok(Array.isArray((await cloudwatch.send(new DescribeAlarmsCommand({}))).MetricAlarms));
});

test('costs: by service and tag, forecast and anomalies', async () => {
    const ce = client(CostExplorerClient, 'ce');
    const month = { Start: day(-30), End: day(0) };
    const { DimensionValues } = await ce.send(new GetDimensionValuesCommand({
        TimePeriod: month, Dimension: 'SERVICE', SearchString: 'Bedrock',
    }));
    const Values = DimensionValues.map((v) => v.Value);
    assert.ok(Values.some((name) => name.endsWith('(Amazon Bedrock Edition)')));
    const Filter = { Dimensions: { Key: 'SERVICE', Values } };
    const { ResultsByTime } = await ce.send(new GetCostAndUsageCommand({
        TimePeriod: month, Granularity: 'DAILY', Metrics: ['UnblendedCost'], Filter,
        GroupBy: [{ Type: 'TAG', Key: 'costCenter' }, { Type: 'DIMENSION', Key: 'SERVICE' }],
    }));
    assert.equal(ResultsByTime.length, 30);
    assert.ok(ResultsByTime[0].Groups.some((g) => g.Keys[0] === 'costCenter$sales'));
    const forecast = await ce.send(new GetCostForecastCommand({
        TimePeriod: { Start: day(0), End: day(10) }, Metric: 'UNBLENDED_COST', Granularity: 'MONTHLY', Filter,
    }));
    assert.ok(Number(forecast.Total.Amount) > 0);
    const { Anomalies } = await ce.send(new GetAnomaliesCommand({ DateInterval: { StartDate: day(-30), EndDate: day(0) } }));
    assert.ok(Anomalies[0].RootCauses.length > 0);
});

test('quotas: page by page; throttling and outages are errors the SDK knows', async () => {
    const quotas = client(ServiceQuotasClient, 'servicequotas');
    await sim.turn({ page_size: 1 });
    const all = [];
    for await (const page of paginateListServiceQuotas({ client: quotas }, { ServiceCode: 'bedrock' })) {
        all.push(...page.Quotas);
    }
    assert.ok(all.length > 2 && all.every((q) => q.QuotaName && q.Value > 0));
    await sim.turn({ page_size: 100, services: { servicequotas: 'throttled' } });
    await assert.rejects(quotas.send(new ListServiceQuotasCommand({ ServiceCode: 'bedrock' })), { name: 'ThrottlingException' });
    await sim.turn({ services: { servicequotas: 'up' }, deny: 'ListServiceQuotas' });
    await assert.rejects(quotas.send(new ListServiceQuotasCommand({ ServiceCode: 'bedrock' })), { name: 'AccessDeniedException' });
    await sim.turn({ deny: '' });
    const wrong = client(ServiceQuotasClient, 'servicequotas', { credentials: { accessKeyId: sim.accessKeyId, secretAccessKey: 'x' } });
    await assert.rejects(wrong.send(new ListServiceQuotasCommand({ ServiceCode: 'bedrock' })), { name: 'InvalidSignatureException' });
});
