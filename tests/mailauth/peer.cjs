// Runs mailauth (npm) offline: a request as JSON on standard input, its answer as JSON on standard output.
'use strict';
const { authenticate, dkimSign, sealMessage } = require(process.argv[2]);
// It asks for the time once to sign and once more to write the field: where a second begins between, its signature is wrong.
const now = Date.now();
Date.now = () => now;
const request = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const message = Buffer.from(request.message, 'base64');
const resolver = async (name, type) => {
    const found = request.zone[`${name.replace(/\.$/, '').toLowerCase()} ${type}`];
    if (!found) {
        throw Object.assign(new Error(`no ${type} for ${name}`), { code: 'ENOTFOUND' });
    }
    if (found[0] === '!servfail') {
        throw Object.assign(new Error('servfail'), { code: 'ESERVFAIL' });
    }
    return found.map(one => {
        if (type === 'TXT') return [one];
        if (type === 'MX') return { priority: Number(one.split(' ')[0]), exchange: one.split(' ')[1] };
        return one;
    });
};
const tasks = {
    check: async () => {
        const found = await authenticate(message, { ...request.envelope, mta: 'mx.test', trustReceived: false, resolver });
        return {
            spf: found.spf && found.spf.status.result,
            dkim: found.dkim.results.map(one => one.status.result),
            dmarc: found.dmarc && found.dmarc.status.result,
            arc: found.arc && found.arc.status.result
        };
    },
    sign: async () => (await dkimSign(message, { signatureData: [request.key], canonicalization: request.form })).signatures,
    seal: async () => {
        const found = await authenticate(message, { ...request.envelope, mta: 'mx.test', resolver, seal: request.key });
        return found.headers;
    }
};
tasks[request.task]().then(
    answer => process.stdout.write(JSON.stringify(answer)),
    problem => {
        process.stderr.write(String(problem.stack));
        process.exit(1);
    }
);
